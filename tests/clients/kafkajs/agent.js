// agent.js -- KafkaJS, asked over standard input (see lib/agent.py). Its consumers know groups only, so
// that reading by assignment goes through its own cluster and broker objects: its protocol, its decoder.
'use strict'

const fs = require('fs')
const readline = require('readline')
const { AssignerProtocol, CompressionTypes, CompressionCodecs, Kafka, Partitioners, logLevel } = require('kafkajs')
const Cluster = require('kafkajs/src/cluster')
const createLogger = require('kafkajs/src/loggers/console')
const { createLogger: rootLogger } = require('kafkajs/src/loggers')
const socketFactory = require('kafkajs/src/network/socketFactory')
const lz4 = require('lz4js')
const snappy = require('snappyjs')
const { ZstdCodec } = require('zstd-codec')

const brokers = process.argv[2].split(',')
const TYPES = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
}
const unpack = text => (text === null ? null : Buffer.from(text, 'base64'))
const pack = data => (data === null || data === undefined ? null : data.toString('base64'))
const codec = (compress, decompress) => () => ({
  compress: async encoder => Buffer.from(compress(encoder.buffer)),
  decompress: async buffer => Buffer.from(decompress(buffer)),
})

// lz4js says that blocks depend on each other, even of a single block; Java's reader takes independent ones
// only. With that flag (and blocks of up to 4 MiB) the descriptor's checksum is 0x73.
function lz4Frame(data) {
  const frame = lz4.compress(data)
  frame[4] |= 0x20
  if (frame[4] !== 0x60 || frame[5] !== 0x70) throw new Error('not the frame that lz4js used to make')
  frame[6] = 0x73
  return frame
}

function headersOf(told) {
  const headers = {}
  for (const [name, value] of told) {
    headers[name] = name in headers ? [].concat(headers[name], [unpack(value)]) : unpack(value)
  }
  return headers
}

function message(r) {
  const made = { key: unpack(r.k), value: unpack(r.v), headers: headersOf(r.h) }
  if (r.p !== null) made.partition = r.p
  if (r.t !== null) made.timestamp = String(r.t)
  return made
}

async function produce({ topic, acks, codec: name, records }) {
  const kafka = new Kafka({ brokers, logLevel: logLevel.WARN })
  const producer = kafka.producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    idempotent: acks === 'all',
  })
  await producer.connect()
  try {
    const told = await producer.send({
      topic,
      acks: acks === 'all' ? -1 : Number(acks),
      compression: TYPES[name],
      messages: records.map(message),
    })
    const next = {}
    for (const t of told) next[t.partition] = Number(t.baseOffset)
    const results = records.map(r => ({ p: r.p, o: r.p === null ? null : next[r.p]++ }))
    return { results }
  } finally {
    await producer.disconnect()
  }
}

async function consume({ topics, timeout_ms: timeout }) {
  const cluster = new Cluster({
    logger: rootLogger({ level: logLevel.WARN, logCreator: createLogger }),
    socketFactory: socketFactory(),
    brokers,
    clientId: 'reader',
    connectionTimeout: 3000,
    metadataMaxAge: 60000,
    isolationLevel: 1,
    retry: {},
  })
  await cluster.connect()
  try {
    for (const topic of Object.keys(topics)) await cluster.addTargetTopic(topic)
    const records = {}
    const ends = {}
    const until = Date.now() + timeout
    for (const [topic, counts] of Object.entries(topics)) {
      records[topic] = []
      for (let partition = 0; partition < counts.length; partition++) {
        const wanted = counts[partition]
        records[topic].push(...(await read(cluster, topic, partition, wanted, until)))
      }
      ends[topic] = await endsOf(cluster, topic, counts.length)
    }
    return { records, ends }
  } finally {
    await cluster.disconnect()
  }
}

async function read(cluster, topic, partition, wanted, until) {
  const leader = cluster.findTopicPartitionMetadata(topic).find(p => p.partitionId === partition)
  const broker = await cluster.findBroker({ nodeId: String(leader.leader) })
  const found = []
  let fetchOffset = 0
  while (found.length < wanted && Date.now() < until) {
    const { responses } = await broker.fetch({
      maxWaitTime: 50,
      minBytes: 1,
      maxBytes: 10485760,
      isolationLevel: 1,
      topics: [{ topic, partitions: [{ partition, fetchOffset, maxBytes: 1048576 }] }],
    })
    for (const m of responses[0].partitions[0].messages) {
      found.push(record(partition, m))
      fetchOffset = Number(m.offset) + 1
    }
  }
  return found
}

function record(partition, m) {
  const h = Object.entries(m.headers).flatMap(([name, value]) =>
    [].concat(value).map(one => [name, pack(one)])
  )
  const o = Number(m.offset)
  return { p: partition, o, k: pack(m.key), v: pack(m.value), h, t: Number(m.timestamp) }
}

async function endsOf(cluster, topic, count) {
  const partitions = [...Array(count).keys()].map(partition => ({ partition }))
  const told = await cluster.fetchTopicsOffset([{ topic, partitions, fromBeginning: false }])
  const ends = Array(count).fill(-1)
  for (const p of told[0].partitions) ends[p.partition] = Number(p.offset)
  return ends
}

async function group({ group: groupId, topic, count, timeout_ms: timeout }) {
  const kafka = new Kafka({ brokers, logLevel: logLevel.WARN })
  const consumer = kafka.consumer({ groupId })
  const values = []
  await consumer.connect()
  try {
    await consumer.subscribe({ topic, fromBeginning: true })
    await new Promise((done, failed) => {
      setTimeout(done, timeout).unref()
      const take = async ({ message: m }) => {
        values.push(pack(m.value))
        if (values.length >= count) setTimeout(done, 100)
      }
      consumer.run({ autoCommitThreshold: 1, eachMessage: take }).catch(failed)
    })
    return { values }
  } finally {
    await consumer.disconnect()
  }
}

// Its own assigner speaks to nobody but itself; this one is everybody's.
const range = ({ cluster }) => ({
  name: 'range',
  version: 0,
  async assign({ members, topics }) {
    const ids = members.map(m => m.memberId).sort()
    const assignments = new Map(ids.map(id => [id, {}]))
    for (const topic of topics) {
      const partitions = cluster.findTopicPartitionMetadata(topic).map(p => p.partitionId)
      partitions.sort((a, b) => a - b)
      const least = Math.floor(partitions.length / ids.length)
      const more = partitions.length % ids.length
      ids.forEach((id, i) => {
        assignments.get(id)[topic] = partitions.splice(0, least + (i < more ? 1 : 0))
      })
    }
    const encode = assignment => AssignerProtocol.MemberAssignment.encode({ version: 0, assignment, userData: Buffer.alloc(0) })
    return ids.map(memberId => ({ memberId, memberAssignment: encode(assignments.get(memberId)) }))
  },
  protocol: ({ topics }) => ({
    name: 'range',
    metadata: AssignerProtocol.MemberMetadata.encode({ version: 0, topics, userData: Buffer.alloc(0) }),
  }),
})

async function member({ group: groupId, topic, out, until }) {
  const kafka = new Kafka({ brokers, logLevel: logLevel.WARN, retry: { initialRetryTime: 50, retries: 100, maxRetryTime: 500 } })
  const consumer = kafka.consumer({ groupId, partitionAssigners: [range], sessionTimeout: 3000, heartbeatInterval: 500, maxWaitTimeInMs: 100 })
  const eachMessage = async ({ partition, message: m }) => fs.appendFileSync(out, `${partition} ${m.offset} ${m.value}\n`)
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({ autoCommitThreshold: 1, eachMessage })
  while (!fs.existsSync(until)) await new Promise(done => setTimeout(done, 50))
  await consumer.disconnect()
  return {}
}

async function main() {
  const zstd = await new Promise(ready => ZstdCodec.run(made => ready(new made.Simple())))
  CompressionCodecs[CompressionTypes.LZ4] = codec(lz4Frame, lz4.decompress)
  CompressionCodecs[CompressionTypes.Snappy] = codec(snappy.compress, snappy.uncompress)
  CompressionCodecs[CompressionTypes.ZSTD] = codec(
    data => zstd.compress(data),
    data => zstd.decompress(data)
  )
  const operations = { produce, consume, group, member }
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { op, ...request } = JSON.parse(line)
    let answer
    try {
      answer = await operations[op](request)
    } catch (error) {
      console.error(error)
      answer = { error: String(error) }
    }
    process.stdout.write(JSON.stringify(answer) + '\n')
  }
}

main()
