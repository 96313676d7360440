import Foundation
import HTTPTypes
import PluginAPI
import PluginTestKit
import Testing

@testable import WebChatChannel

@Suite struct PageTests {
    private func get(_ route: PageRoute?, _ headers: HTTPFields = [:], query: String = "") async throws -> PluginResponse {
        let route = try #require(route)
        return try await route.respond(
            PluginRequest(method: .get, path: route.path, query: query, headers: headers, remoteAddress: "192.0.2.7", url: "https://jack.example"))
    }

    private func text(_ response: PluginResponse) -> String { String(decoding: response.body, as: UTF8.self) }

    @Test func thePageIsTheHotelsOwn() async throws {
        let bench = try await Bench()
        let response = try await get(bench.page("/"))
        let html = text(response)
        #expect(response.status == .ok && response.headers[.contentType] == "text/html; charset=utf-8")
        #expect(response.headers[.cacheControl] == "no-cache" && response.headers[.vary] == "Accept-Language")
        #expect(html.contains("Welcome to Hotel Miramar!") && html.contains(#"lang="en""#) && html.contains(#"data-socket="ws/chat""#))
        #expect(html.contains(#""assets/chat.js""#) && html.contains(#""assets/chat.css""#) && !html.contains("{{"))
    }

    @Test(arguments: [
        ("de-CH, fr;q=0.9", "", "de"), ("fr, es;q=0.5, de;q=0.7", "", "de"), ("ja", "", "en"), ("", "lang=es", "es"), ("de", "lang=es", "es"),
        ("de;q=0, es", "", "es"), ("*", "", "en"), (";;q=,,=;", "", "en"), ("DE", "", "de"),
    ])
    func thePageComesInTheGuestsLanguage(_ accepted: String, _ query: String, _ language: String) async throws {
        let response = try await get(try await Bench().page("/"), accepted.isEmpty ? [:] : [.acceptLanguage: accepted], query: query)
        #expect(response.headers[.contentLanguage] == language && text(response).contains("lang=\"\(language)\""))
    }

    @Test func aHotelsWordsAreTextNotMarkup() async throws {
        let property = PropertyInfo(
            id: "main", name: "Müller's <\"Bar\"> & {{welcome}}", locale: "pt-BR", languages: ["pt-BR"], timeZone: "UTC", publicURL: nil)
        let bench = try await Bench(["welcome": ["pt": "Olá, {hotel} <script>"]], property: property)
        let html = text(try await get(bench.page("/")))
        #expect(html.contains("<h1>Müller&#39;s &lt;&quot;Bar&quot;&gt; &amp; {{welcome}}</h1>"))
        #expect(html.contains("Olá, Müller&#39;s &lt;&quot;Bar&quot;&gt; &amp; {{welcome}} &lt;script&gt;") && html.contains(#"lang="pt-BR""#))
    }

    @Test func aHotelWithoutAGreetingInItsLanguageHasTheEnglishOne() async throws {
        let property = PropertyInfo(id: "main", name: "Hótel Esja", locale: "is", languages: ["is"], timeZone: "UTC", publicURL: nil)
        let response = try await get(try await Bench(property: property).page("/"))
        #expect(response.headers[.contentLanguage] == "en" && text(response).contains("Welcome to Hótel Esja!"))
    }

    @Test(arguments: [
        ("/", "text/html; charset=utf-8"), ("/assets/chat.css", "text/css; charset=utf-8"), ("/assets/chat.js", "text/javascript; charset=utf-8"),
    ])
    func whatTheBrowserHasIsNotSentAgain(_ path: String, _ type: String) async throws {
        let route = try await Bench().page(path)
        let first = try await get(route)
        let tag = try #require(first.headers[.eTag])
        #expect(first.status == .ok && !first.body.isEmpty && first.headers[.contentType] == type && first.headers[.cacheControl] != nil)
        for known in [tag, "W/\(tag)", "\"other\", \(tag)", "*"] {
            let again = try await get(route, [.ifNoneMatch: known])
            #expect(again.status == .notModified && again.body.isEmpty && again.headers[.eTag] == tag)
        }
        let other = try await get(route, [.ifNoneMatch: "\"other\""])
        #expect(other.status == .ok && other.body == first.body)
    }

    @Test func eachLanguageHasATagOfItsOwn() async throws {
        let route = try await Bench().page("/")
        let english = try await get(route), german = try await get(route, [.acceptLanguage: "de"])
        #expect(english.headers[.eTag] != german.headers[.eTag])
    }

    @Test(arguments: [
        ("/ws/chat", "/", "ws/chat"), ("/ws/chat", "/chat", "ws/chat"), ("/ws/chat", "/guest/chat", "../ws/chat"),
        ("/assets", "/a/b/", "../../assets"),
        ("/", "/chat", "."), ("/", "/a/chat", "../"),
    ])
    func pathsHoldBelowAProxysPrefix(_ path: String, _ page: String, _ relative: String) {
        #expect(ChatPages.relative(path, from: page) == relative)
        let base = URL(string: "https://hotel.example/jack" + page)
        #expect(URL(string: relative, relativeTo: base)?.absoluteURL.path == (path == "/" ? "/jack" : "/jack" + path))
    }

    @Test func routesStandWhereTheSettingsSay() async throws {
        let bench = try await Bench(["path": "/guest/chat", "socket_path": "/guest/socket", "assets_path": "/static/"])
        #expect(bench.socketRoute?.path == "/guest/socket" && bench.page("/static/chat.js") != nil && bench.page("/static/chat.css") != nil)
        let html = text(try await get(bench.page("/guest/chat")))
        #expect(html.contains(#"data-socket="../guest/socket""#) && html.contains(#""../static/chat.css""#))
    }

    @Test(
        arguments: [
            (["path": "chat"], "begins with /"), (["socket_path": "/"], "the page's own path"), (["assets_path": "/a//b"], "is not a path"),
            (["assets_path": "/../etc"], "is not a path"), (["path": "/{{x}}"], "is not a path"), (["path": "/assets/chat.js"], "page's own assets"),
            (["welcome": ["english": "Hi"]], "not a language tag"), (["welcome": ["en": " "]], "greeting is empty"), (["history": 0], "out of range"),
            (["session_lifetime": "1m"], "out of range"), (["sockets_per_session": 0], "out of range"), (["maximum_text": "4k"], "whole number"),
            (["histroy": 5], "unknown key"),
        ] as [(JSONValue, String)])
    func settingsThatWillNotDoAreNamed(_ settings: JSONValue, _ complaint: String) {
        let error = #expect(throws: SettingsRejected.self) { try TestContext().make(WebChat.self, settings) }
        #expect(error?.description.contains(complaint) == true, "\(error?.description ?? "")")
    }

    @Test func whatThePluginSaysOfItself() async throws {
        let chat = try await Bench().chat
        #expect(WebChat.manifest.id == "webchat" && WebChat.manifest.destinations.isEmpty && WebChat.kind == .channel)
        #expect(chat.features.maximumTextLength == 4000 && chat.features.quickReplies == 10 && chat.features.typing)
        #expect(chat.features.receipts == [.sent, .delivered] && chat.features.replyWindow == nil)
        #expect(WebChat.Settings.schema.problems.isEmpty)
    }
}
