import PluginAPI

/// A place of the routing tree.
struct RouteNode: Sendable {
    /// What an alert that ends up here is told by.
    var decision: RouteDecision
    var matchers: [PlacedMatcher]
    /// The same, as numbers of the table.
    var conditions: [Int32]
    var continues: Bool
    var depth: Int
    /// Where `active_time_intervals` stands.
    var activeMark: SourceMark
    /// Numbers of the tree's places.
    var children: [Int] = []
}
