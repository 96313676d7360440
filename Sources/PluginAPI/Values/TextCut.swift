extension String {
    /// The text with at most `limit` UTF-16 units, which is how most vendors count characters, or more than that; cut between characters, and what
    /// was cut shows as “…”. Takes no longer for a text of a megabyte than for the part that is kept.
    public func cut(to limit: Int) -> String {
        // No text has more UTF-16 units than bytes.
        guard utf8.count > limit else { return self }
        var count = 0, end = startIndex
        for index in indices {
            count += self[index].utf16.count
            if count > limit { return limit > 0 ? self[..<end] + "…" : "" }
            // One place is kept for the mark of the cut.
            if count < limit { end = self.index(after: index) }
        }
        return self
    }
}
