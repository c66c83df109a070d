"""The rooms of the grader: who handed in what (inbox), a notebook at work (submission, behind the walls of sandbox),
points (scoring), what is written (report). `inside` is all of ours that a student's process can read."""
