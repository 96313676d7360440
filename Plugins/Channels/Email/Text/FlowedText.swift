/// `format=flowed` (RFC 3676): lines that end with a space go on in the next.
enum FlowedText {
    static func unfold(_ text: String, deletesSpace: Bool) -> String {
        var result: [String] = [], open: (depth: Int, text: String)?
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            let depth = line.prefix { $0 == ">" }.count
            var content = line.dropFirst(depth)
            if content.first == " " { content.removeFirst() }
            let isFlowed = content.last == " " && content != "-- "
            if open?.depth == depth, content != "-- " {
                // In place: a copy for each line would make a long paragraph quadratic.
                open?.text += content
            } else {
                if let last = open { result.append(quoted(last)) }
                open = (depth, String(content))
            }
            if isFlowed {
                if deletesSpace { open?.text.removeLast() }
            } else if let last = open {
                result.append(quoted(last))
                open = nil
            }
        }
        if let last = open { result.append(quoted(last)) }
        return result.joined(separator: "\n")
    }

    private static func quoted(_ line: (depth: Int, text: String)) -> String {
        line.depth == 0 ? line.text : String(repeating: ">", count: line.depth) + " " + line.text
    }
}
