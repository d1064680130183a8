//! softmax, next
