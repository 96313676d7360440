import Foundation

extension Float {
    static func log(_ value: Float) -> Float { Foundation.log(value) }
    static func exp(_ value: Float) -> Float { Foundation.exp(value) }
}
