"""What every room stands on: checks of input, files written as a whole, progress bars."""
