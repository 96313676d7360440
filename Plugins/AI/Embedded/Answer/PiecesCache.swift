import Synchronization

/// Keeps the pieces of the documents asked for lately: the same few answer most questions, and cutting them up is most of an answer's work.
final class PiecesCache: Sendable {
    private let pieces = Mutex<[UInt64: DocumentPieces]>([:])
    private static let limit = 256

    /// The document's pieces, made where they are not known. Known by the content, so a changed document is cut anew.
    func pieces(of document: Extractor.Document, _ make: () -> DocumentPieces) -> DocumentPieces {
        var hash = FeatureHash(30)
        for part in [document.title, document.text, document.locale ?? ""] {
            for byte in part.utf8 { hash.add(byte) }
            hash.add(0)
        }
        if let known = pieces.withLock({ $0[hash.value] }) { return known }
        let made = make()
        pieces.withLock { pieces in
            if pieces.count >= Self.limit { pieces.removeAll() }
            pieces[hash.value] = made
        }
        return made
    }
}
