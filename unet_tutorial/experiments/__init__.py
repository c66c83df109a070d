"""Long runs: `recipes` names them, `runs` makes them, `records` keeps them; `examination` and `timing` stand beside.

Nothing is imported here, so that records can be read without Keras. The command line is
`python -m unet_tutorial.experiments`.
"""
