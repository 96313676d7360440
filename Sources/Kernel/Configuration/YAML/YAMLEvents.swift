import CLibYAML
import PluginAPI

/// One event of libyaml's parser, copied out of C.
struct YAMLEvent {
    enum Kind {
        case streamStart, streamEnd, documentStart, documentEnd
        case alias
        case scalar(String, plain: Bool)
        case sequenceStart, sequenceEnd, mappingStart, mappingEnd
    }

    var kind: Kind
    /// The anchor that the event sets, or that an alias names.
    var anchor: String?
    /// The tag that is written.
    var tag: String?
    var mark: SourceMark
}

/// Reading cannot go on.
struct YAMLRefusal: Error {
    let diagnostic: Diagnostic

    init(_ code: Diagnostic.Code, _ message: String, remedy: String? = nil, at mark: SourceMark) {
        diagnostic = Diagnostic(.error, code, message, remedy: remedy, at: mark)
    }
}

/// libyaml's parser over a buffer that must outlive it. Everything C allocates is freed with the event it belongs to, or with this object.
final class YAMLEvents {
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let bytes: UnsafeBufferPointer<UInt8>
    private let file: String

    init(_ bytes: UnsafeBufferPointer<UInt8>, file: String) throws {
        self.bytes = bytes
        self.file = file
        parser = .allocate(capacity: 1)
        parser.initialize(to: yaml_parser_t())
        guard yaml_parser_initialize(parser) == 1 else {
            // Nothing to free: libyaml has done so. `deinit` runs all the same, and finds a parser of zeros.
            throw YAMLRefusal(.unreadable, "there is no memory to read it", at: SourceMark(file: file, line: 1, column: 1))
        }
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        yaml_parser_set_input_string(parser, bytes.baseAddress, bytes.count)
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deinitialize(count: 1)
        parser.deallocate()
    }

    /// The next event.
    /// - Throws: ``YAMLRefusal`` at a mistake in the syntax.
    func next() throws -> YAMLEvent {
        var event = yaml_event_t()
        guard yaml_parser_parse(parser, &event) == 1 else { throw YAMLSyntax.refusal(parser.pointee, bytes, file: file) }
        defer { yaml_event_delete(&event) }
        return YAMLEvent(
            kind: try kind(&event), anchor: jack_yaml_anchor(&event).map { String(cString: $0) },
            tag: jack_yaml_tag(&event).map { String(cString: $0) }, mark: SourceMark(event.start_mark, file: file))
    }

    private func kind(_ event: inout yaml_event_t) throws -> YAMLEvent.Kind {
        switch event.type {
        case YAML_STREAM_START_EVENT: .streamStart
        case YAML_STREAM_END_EVENT: .streamEnd
        case YAML_DOCUMENT_START_EVENT: .documentStart
        case YAML_DOCUMENT_END_EVENT: .documentEnd
        case YAML_ALIAS_EVENT: .alias
        case YAML_SEQUENCE_START_EVENT: .sequenceStart
        case YAML_SEQUENCE_END_EVENT: .sequenceEnd
        case YAML_MAPPING_START_EVENT: .mappingStart
        case YAML_MAPPING_END_EVENT: .mappingEnd
        case YAML_SCALAR_EVENT: scalar(&event)
        // A parser that is asked again after its end gives no event.
        default: throw YAMLRefusal(.syntax, "the document ends too soon", at: SourceMark(event.start_mark, file: file))
        }
    }

    private func scalar(_ event: inout yaml_event_t) -> YAMLEvent.Kind {
        // By length: a double-quoted text may hold a NUL.
        var length = 0
        let start = jack_yaml_text(&event, &length)
        let text = UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : length)
        return .scalar(String(decoding: text, as: UTF8.self), plain: jack_yaml_is_plain(&event) == 1)
    }
}

extension SourceMark {
    init(_ mark: yaml_mark_t, file: String) { self.init(file: file, line: Int(mark.line) + 1, column: Int(mark.column) + 1) }
}
