import PluginAPI

extension ValidationReport {
    /// Turns findings into diagnostics at the settings that they name.
    /// - Parameters:
    ///   - node: the mapping that was validated; nil where it is left out.
    ///   - mark: where to point when it is, or when a finding concerns the whole.
    func place(in node: ConfigNode?, or mark: SourceMark, _ diagnostics: inout Diagnostics) {
        for finding in findings {
            let path = finding.key.flatMap { ConfigurationPath(text: $0) }
            let isWritten = path.flatMap { node?[$0] } != nil
            let place = path.flatMap { path in node.map { $0.nearestMark(path) } } ?? mark
            // Where the line does not show which setting is meant, the message does.
            let message = finding.key.map { isWritten ? finding.message : "\($0): \(finding.message)" } ?? finding.message
            diagnostics.add(Diagnostic(finding.severity, finding.code, message, remedy: finding.remedy, at: place))
        }
    }
}
