import Foundation
import Testing

/// The tutorial's code is this folder's: what the document shows is what was compiled and run.
@Suite struct DocumentTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()

    private var document: String {
        get throws { try String(contentsOf: Self.folder.appending(path: "../../docs/writing-a-plugin.md").standardizedFileURL, encoding: .utf8) }
    }

    /// The blocks that name a file, as `<!-- file: Pager.swift -->` before the fence.
    private func blocks() throws -> [(file: String, code: String)] {
        var blocks: [(String, String)] = [], lines = try document.components(separatedBy: "\n")[...]
        while let line = lines.popFirst() {
            guard let found = line.wholeMatch(of: /<!-- file: (\S+) -->/), lines.popFirst() == "```swift" else { continue }
            let code = lines.prefix { $0 != "```" }
            lines = lines.dropFirst(code.count)
            blocks.append((String(found.1), code.joined(separator: "\n") + "\n"))
        }
        return blocks
    }

    @Test func everyBlockIsItsFile() throws {
        let blocks = try blocks()
        for (file, code) in blocks {
            let source = try String(contentsOf: Self.folder.appending(path: file), encoding: .utf8)
            #expect(source == code, "docs/writing-a-plugin.md and Tests/Tutorial/\(file) differ: change both")
        }
        let files = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path).filter {
            $0.hasSuffix(".swift") && $0 != "DocumentTests.swift"
        }
        // What is not of a file is what the scaffold writes, which Tests/HostTests/ScaffoldTests.swift holds against it.
        let fences = try document.components(separatedBy: "\n").count { $0 == "```swift" }
        #expect(fences == blocks.count + 1, "a block of Swift in docs/writing-a-plugin.md is compiled by nothing")
        #expect(Set(blocks.map(\.file)) == Set(files) && files.count == 5, "each file of the tutorial stands in the document")
    }
}
