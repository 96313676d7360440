import Dispatch
import Foundation
import HTTPTypes
import PluginAPI
import PluginTestKit
import Testing

@testable import Kernel

/// The mark of a trap. What must die dies in a process of its own, made of the real C file.
@Suite(.timeLimit(.minutes(2)), .serialized) struct CrashMarkTests {
    private static let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Sources/CCrashMark")

    private static let program = """
        #include "CCrashMark.h"
        #include <pthread.h>
        #include <signal.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        static volatile int zero;
        static int deep(int n) { volatile char room[4096]; room[n % 4096] = n; return n == -1 ? 0 : deep(n + 1) + room[0]; }
        static void breakpoint(void) {
        #ifdef __x86_64__
            __asm__ volatile("int3");
        #else
            raise(SIGTRAP);
        #endif
        }
        static void *die(void *how) {
            jack_crash_mark_enter(7);
            if (!strcmp(how, "trap")) __builtin_trap();
            if (!strcmp(how, "abort")) abort();
            if (!strcmp(how, "memory")) *(volatile int *)8 = 1;
            if (!strcmp(how, "sent")) raise(SIGSEGV);
            if (!strcmp(how, "breakpoint")) breakpoint();
            if (!strcmp(how, "stack")) zero = deep(0);
            jack_crash_mark_enter(-1);
            if (!strcmp(how, "outside")) __builtin_trap();
            return 0;
        }
        int main(int count, char **arguments) {
            if (count < 3 || jack_crash_mark_open(arguments[1])) return 9;
            jack_crash_mark_name(7, "sick");
            jack_crash_mark_name(8, "well");
            jack_crash_mark_enter(8);
            pthread_t thread;
            pthread_create(&thread, 0, die, arguments[2]);
            pthread_join(thread, 0);
            return 0;
        }
        """

    /// Runs a program, on a thread that may be blocked.
    /// - Returns: the signal that ended it, or its status as a negative number.
    private func run(_ path: String, _ arguments: [String]) async throws -> Int32 {
        try await withCheckedThrowingContinuation { done in
            DispatchQueue.global().async { done.resume(with: Result { try Self.spawn([path] + arguments) }) }
        }
    }

    private static func spawn(_ words: [String]) throws -> Int32 {
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { arguments.forEach { free($0) } }
        var pid: pid_t = 0, status: Int32 = 0
        let error = posix_spawnp(&pid, words[0], nil, nil, &arguments, environ)
        guard error == 0 else { throw POSIXError(POSIXErrorCode(rawValue: error) ?? .EINVAL) }
        while waitpid(pid, &status, 0) == -1 { guard errno == EINTR else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .ECHILD) } }
        return status & 0x7F != 0 ? status & 0x7F : -(status >> 8 & 0xFF)
    }

    @Test func theNextStartFindsWhoseCodeEndedTheProcess() async throws {
        try await withFolder { folder in
            let main = folder.appendingPathComponent("main.c"), binary = folder.appendingPathComponent("child").path
            try Self.program.write(to: main, atomically: true, encoding: .utf8)
            let built = try await run(
                "cc",
                [
                    "-O1", "-pthread", "-I", Self.sources.appendingPathComponent("include").path, main.path,
                    Self.sources.appendingPathComponent("CCrashMark.c").path, "-o", binary,
                ])
            try #require(built == 0)
            for how in ["trap", "abort", "memory", "sent", "breakpoint", "stack"] {
                let mark = folder.appendingPathComponent("mark-\(how)").path
                let signal = try await run(binary, [mark, how])
                #expect(signal > 0, "\(how): the process dies of its signal as if nobody had looked")
                let finding = CrashMark.begin(at: mark)
                #expect(finding?.instance == "sick", "\(how)")
                #expect(finding?.signal == String(cString: strsignal(signal)), "\(how)")
                #expect(CrashMark.begin(at: mark) == nil, "it is told once")
                CrashMark.end(at: mark)
                #expect(!FileManager.default.fileExists(atPath: mark))
            }
            let outside = folder.appendingPathComponent("outside").path
            let ended = try await run(binary, [outside, "outside"])
            #expect(ended > 0)
            #expect(CrashMark.begin(at: outside) == nil, "the thread that died ran nobody's code")
            let clean = folder.appendingPathComponent("clean").path
            let status = try await run(binary, [clean, "nothing"])
            #expect(status == 0)
            #expect(CrashMark.begin(at: clean) == nil)
        }
    }

    @Test func aFileThatIsNoMarkIsNoFinding() async throws {
        try await withFolder { folder in
            let path = folder.appendingPathComponent("mark").path
            #expect(CrashMark.begin(at: path) == nil)
            try Data(repeating: 1, count: 500).write(to: URL(fileURLWithPath: path))
            #expect(CrashMark.begin(at: path) == nil)
            #expect(CrashMark.begin(at: folder.appendingPathComponent("no/such/folder").path) == nil)
        }
    }

    @Test func anExecutorsThreadKnowsWhoseCodeItRuns() async throws {
        let slot = CrashMark.slot(for: "crash-mark-test"), other = CrashMark.slot(for: "crash-mark-other")
        #expect(slot >= 0 && slot == CrashMark.slot(for: "crash-mark-test") && slot != other)
        let seen = Task(executorPreference: InstanceExecutor(instance: "crash-mark-test")) {
            let first = threadSlot()
            // What it calls on another instance's executor is the other's, and afterwards its own again.
            let inner = await Task(executorPreference: InstanceExecutor(instance: "crash-mark-other")) { threadSlot() }.value
            return [first, inner, threadSlot()]
        }
        #expect(await seen.value == [slot, other, slot])
        #expect(threadSlot() == -1, "a test's own thread runs nobody's code")
    }

    @Test func aPluginsCodeRunsOnItsExecutor() async throws {
        let bench = Bench()
        let seen = Mutexed<[String: Int32]>([:])
        let script = Script(start: { _ in seen.update { $0["start"] = threadSlot() } }, stop: { _ in seen.update { $0["stop"] = threadSlot() } })
        script.onMake { _ in seen.update { $0["make"] = threadSlot() } }
        let supervisor = bench.supervisor("crash-mark-plugin", script)
        try await supervisor.start()
        try await supervisor.call(as: ScriptedChannel.self, "send", CallOptions()) { _ in seen.update { $0["call"] = threadSlot() } }
        await supervisor.stop()
        let slot = CrashMark.slot(for: "crash-mark-plugin")
        #expect(seen.value == ["make": slot, "start": slot, "call": slot, "stop": slot])
    }

    /// It reads what anybody may have sent: a trap in it must not be nobody's.
    @Test func aWebhooksCheckIsKnownToBeTheInstances() async throws {
        let script = Script(), bench = Bench()
        let spec = InstanceSpec(
            name: "crash-mark-check", registration: PluginRegistration(CheckingChannel.self), settings: ScriptSettings(script), fingerprint: "1")
        let supervisor = PluginSupervisor(spec, bench.environment)
        try await supervisor.start()
        let hooks = supervisor.routes.compactMap { if case .webhook(let hook) = $0 { hook } else { nil } }
        #expect(hooks.map(\.tail) == ["", "/open"] && hooks.map(\.verification.isConfigured) == [true, false])
        func request(_ body: String) -> PluginRequest {
            PluginRequest(method: .post, path: "/", body: Array(body.utf8), remoteAddress: "192.0.2.1", url: "https://jack.test/")
        }
        #expect(hooks[0].verification.verify(request("s")) && !hooks[0].verification.verify(request("x")))
        #expect(!hooks[1].verification.verify(request("s")))
        let slot = CrashMark.slot(for: "crash-mark-check")
        #expect(script.journal == ["\(slot)", "\(slot)"] && slot >= 0)
        #expect(threadSlot() == -1, "afterwards the thread is nobody's again")
        await supervisor.stop()
    }
}

/// A channel whose check of a webhook says on whose account it runs.
private struct CheckingChannel: Plugin {
    static let manifest = PluginManifest(id: "checking", summary: "Checks webhooks.", stability: .stable)
    static let kind = PluginKind.channel
    let script: Script

    init(settings: ScriptSettings, context: PluginContext) { script = settings.script }

    var routes: [PluginRoute] {
        let check = WebhookVerification.custom(secret: Secret("s")) { [script] request, secret in
            script.note("\(threadSlot())")
            return request.body == Array(secret.reveal().utf8)
        }
        let open = WebhookRoute(tail: "/open", verification: .custom(secret: nil) { _, _ in true }) { _ in WebhookResult([]) }
        return [.webhook(WebhookRoute(verification: check) { _ in WebhookResult([]) }), .webhook(open)]
    }
}

/// Which slot's code this thread runs.
private func threadSlot() -> Int32 { CrashMark.current }
