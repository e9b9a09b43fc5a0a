"""The instructors' side: the command `course`. Importing this package imports none of its modules."""
