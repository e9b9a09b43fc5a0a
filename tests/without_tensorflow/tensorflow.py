raise ImportError(
    "the lessons of these tests need no TensorFlow, and it takes seconds to import"
)
