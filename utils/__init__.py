"""What the lessons of Keras by Experiment share.

Importing this package imports none of its modules, and no TensorFlow.
"""
