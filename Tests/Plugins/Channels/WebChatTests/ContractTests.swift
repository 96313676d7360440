import PluginAPI
import PluginTestKit
import Testing
import WebChatChannel

@Test(.timeLimit(.minutes(2))) func theGuestPageKeepsItsContract() async {
    let page = PluginContract(WebChat.self, settings: { _ in [:] })
    let message = OutboundMessage(id: "out-1", peer: PeerAddress(.session, "a-session-of-a-guest"), author: .jack, text: "Good evening!")
    let violations = await ChannelContract(page, message: message).violations()
    #expect(violations == [])
}
