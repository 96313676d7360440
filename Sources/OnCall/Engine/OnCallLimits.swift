import Foundation
import PluginAPI

/// How much on call takes, and how much of it one person is told. Everything that hands alerts in goes by this one.
public struct OnCallLimits: Sendable, Hashable {
    /// Bytes of a label's name, and of its value. Labels are what an alert is: one that is too long is refused, and not cut.
    public var labelName = 1024
    public var labelValue = 16_384
    public var labels = 128
    /// Bytes of an annotation's value, its mark of having been cut included, and of all of an alert's labels and annotations together. Annotations are for people:
    /// what is too much of them is cut or left out, and the alert stands.
    public var annotationValue = 16_384
    public var annotations = 64
    public var alertBytes = 65_536
    /// Alerts that stand open at once. Jack's own are taken beyond it.
    public var activeAlerts = 200_000
    /// Alerts that one page shows; of the others it tells how many they are.
    public var alertsInPage = 20
    /// Pages to one person within ``window``; what comes above is told together, when the window has room again.
    public var pagesInWindow = 10
    public var window: TimeInterval = 600
    /// First pages of new criticals go beyond ``pagesInWindow``, until a person got so many pages in a window: nobody can answer more of them one by
    /// one. From then on they are told together, each time after ``floodWait`` seconds.
    public var floodPages = 30
    public var floodWait: TimeInterval = 30
    /// Seconds after news of a matter (it has changed, somebody has acknowledged it, it is over) within which further news to the same contact waits, and is then
    /// told in one message; 0 for each by itself. What is told of emergencies never waits.
    public var newsWindow: TimeInterval = 60
    /// Matters that one message with news names. What is more leaves at once, in further ones.
    public var newsInMessage = 40
    /// Seconds after which an emergency that nobody has acknowledged begins again at the first level, where the route's `repeat_interval` is longer.
    public var emergencyRepeat: TimeInterval = 300
    /// Seconds after which a round begins again of which no page arrived, as where the hotel's line is down: after the first such round, the second, and
    /// so on; the last one for all further ones.
    public var unheardWaits: [TimeInterval] = [30, 60, 120, 300]
    /// Seconds within which the same person who passes a matter on again is taken for a doubled tap.
    public var doubledTap: TimeInterval = 120
    /// Wrong codes from one sender within ``lockTime`` seconds after which no code from there counts for as long.
    public var wrongCodes = 5
    public var lockTime: TimeInterval = 900
    /// True where the label `emergency="true"` of an alert from outside makes it an emergency.
    public var trustsEmergencyLabel = false
    /// How long an expired silence is remembered, in seconds.
    public var silenceRetention: TimeInterval = 5 * 86_400

    public init() {}
}
