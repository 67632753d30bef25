// The same package from CommonJS.
import millrace = require('millrace')

const serde: millrace.Serde<string> = millrace.Serdes.string()
// @ts-expect-error strings, not numbers
const wrong: millrace.Serde<number> = millrace.Serdes.string()
export = { serde, wrong }
