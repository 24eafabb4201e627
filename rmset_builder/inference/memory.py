"""How it is told that a model had not enough memory, by libraries whose errors are of their own kinds."""

from __future__ import annotations

# Of ONNX Runtime's allocators and OpenCV on the CPU; of its CUDA allocators, CUDA, cuDNN and cuBLAS on a GPU.
_WORDS = ("Failed to allocate memory", "Insufficient memory", "bad_alloc")
_WORDS_OF_A_GPU = ("smaller than requested bytes", "out of memory", "STATUS_ALLOC_FAILED")


def ran_out(error: BaseException) -> bool:
    """Whether an error, or the one that led to it, says that memory ran out."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MemoryError) or any(words in str(cause) for words in (*_WORDS, *_WORDS_OF_A_GPU)):
            return True
        cause = cause.__cause__
    return False
