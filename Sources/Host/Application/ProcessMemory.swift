import CMalloc

/// Keeps the process small: by itself glibc holds on to what a moment's work needed.
enum ProcessMemory {
    /// Call it first.
    static func configure() { jack_malloc_return_blocks(256 << 10) }

    /// Gives free pages back to the system. Takes some milliseconds.
    static func trim() { jack_malloc_trim() }
}
