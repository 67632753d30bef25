// CommonJS in a project of its own: `require` of the same build.
const { Serdes } = require('millrace')
const { TopologyTestDriver } = require('millrace/testing')
const stores = require('millrace/state-stores')

const driver = new TopologyTestDriver((b) => {
  b.stream('in', { key: Serdes.string(), value: Serdes.long() })
    .mapValues((value) => value * 2, { value: Serdes.long() })
    .to('out')
})
const input = driver.createInputTopic('in', Serdes.string(), Serdes.long())
const output = driver.createOutputTopic('out', Serdes.string(), Serdes.long())
input.pipeInput('k', 21)
const { value } = output.readRecord()
driver.close().then(() => console.log(JSON.stringify({ node: process.versions.node, value, engine: stores.storageEngine('memory').name ?? 'memory' })))
