import PluginAPI

/// Meta's limits for each kind of file (“Cloud API, Supported media types”).
enum MediaLimits {
    /// The largest file that WhatsApp carries.
    static func bytes(_ kind: MediaReference.Kind) -> Int {
        switch kind {
        case .image: 5 << 20
        case .audio, .video: 16 << 20
        case .document: 100 << 20
        // Animated ones; a static sticker to be sent may have 100 KB.
        case .sticker: 500 << 10
        }
    }

    /// Whether Meta takes a file of that type; documents of any type are taken.
    static func takes(_ mimeType: String, as kind: MediaReference.Kind) -> Bool {
        let type = mimeType.prefix { $0 != ";" }.lowercased()
        return switch kind {
        case .image: ["image/jpeg", "image/png"].contains(type)
        case .audio: ["audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"].contains(type)
        case .video: ["video/mp4", "video/3gpp", "video/3gp"].contains(type)
        case .sticker: type == "image/webp"
        case .document: type.contains("/")
        }
    }

    /// Longer captions are refused.
    static let caption = 1024
}
