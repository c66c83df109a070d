"""What is copied to where a student's code runs: how to run a notebook and to call its functions, and nothing else."""
