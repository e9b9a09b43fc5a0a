"""What the lessons of Keras by Experiment share, and what runs them.

Importing this package imports none of its modules, and no TensorFlow.
"""
