"""Long runs: `recipes` names them, `runs` makes them, `records` keeps them; `examination` and `timing` stand beside.

Nothing is imported here, so that records can be read without Keras. `python -m unet_tutorial.experiments` is the command
line.
"""
