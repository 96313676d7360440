@testable import Gateway

extension FakeHotel {
    func attachment(_ id: String) async throws -> API.AttachmentFile {
        switch id {
        case "att_1":
            API.AttachmentFile(id: id, bytes: Array("<script>".utf8), mimeType: "image/png", fileName: "../..\\Dusche \"kaputt\"\r\nX: ü.png")
        case "att_2": API.AttachmentFile(id: id, bytes: Array("<script>".utf8), mimeType: "text/html")
        case "waiting": throw GatewayError.conflict("the file is still to be fetched")
        default: throw GatewayError.notFound("attachment “\(id)”")
        }
    }
}
