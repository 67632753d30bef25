/** From samples to minutes, verdict, table and charts. */
import { type Chart, drawCharts } from '../chart.ts'
import { median } from '../engine/report.ts'
import { type Kill, SURVIVOR, type Usage, VICTIM } from './instances.ts'
import type { MinuteLatency } from './load.ts'
import type { SoakOptions } from './options.ts'

export interface Sample {
  /** Since the beginning of the load. */
  readonly seconds: number
  /** Records of the inputs that no commit covers yet; NaN: the broker did not say. */
  readonly lag: number
  readonly instances: readonly Usage[]
}

export interface SoakResult {
  readonly minutes: readonly MinuteLatency[]
  readonly samples: readonly Sample[]
  readonly kills: readonly Kill[]
  readonly events: number
  readonly outputs: 'right' | readonly string[]
}

/** Something that must not grow. */
export interface Judged {
  readonly what: string
  readonly value: number
  readonly limit: number
  readonly held: boolean
}

/** Below it a quarter is no plateau. */
const JUDGED_MINUTES = 20
/** A plateau moves with compactions and collections of garbage; a leak of an hour goes beyond that. */
const ALLOWED_GROWTH = 1.15

/**
 * The databases' memory against its bound, at any moment; from 20 minutes on what the survivor has in the last quarter
 * against the second (the first fills caches and stores).
 */
export function judge(samples: readonly Sample[], { minutes, storeMemoryMiB }: Pick<SoakOptions, 'minutes' | 'storeMemoryMiB'>): Judged[] {
  const most = Math.max(0, ...samples.flatMap(({ instances }) => instances.map((usage) => usage.storeMemoryMiB)))
  const stores = { what: "memory of an instance's databases at most, MiB", value: most, limit: storeMemoryMiB, held: most <= storeMemoryMiB }
  if (minutes < JUDGED_MINUTES) {
    return [stores]
  }
  const total = minutes * 60
  const quarter = (number: number): Usage[] =>
    samples.filter(({ seconds }) => seconds >= ((number - 1) * total) / 4 && seconds < (number * total) / 4)
      .flatMap(({ instances }) => instances.filter(({ name }) => name === SURVIVOR))
  return [stores, ...(['rssMiB', 'threads', 'files'] as const).map((figure) => {
    const value = median(quarter(4).map((usage) => usage[figure]))
    const limit = Math.round(median(quarter(2).map((usage) => usage[figure])) * ALLOWED_GROWTH)
    return { what: `${FIGURES[figure]} of the survivor in the last quarter`, value, limit, held: value <= limit }
  })]
}

const FIGURES = { rssMiB: 'resident memory in MiB', threads: 'threads', files: 'open files' } as const

export function describeSample({ seconds, lag, instances }: Sample, latency: MinuteLatency | undefined): string {
  const each = instances.map(({ name, rssMiB, storeMemoryMiB, diskMiB, threads, files }) => `${name} ${rssMiB} MiB, databases ${storeMemoryMiB}, disk ${diskMiB} MiB, ${threads} threads, ${files} files`).join('; ')
  const took = latency === undefined ? '' : `p50 ${latency.p50Ms.toFixed(1)}  p99 ${latency.p99Ms.toFixed(1)}  max ${latency.maxMs.toFixed(0)} ms  `
  return `minute ${String(Math.round(seconds / 60)).padStart(2)}  ${took}lag ${lag}  ${each}`
}

/** What a reader wants to know first, in lines. */
export function summary({ minutes, samples, kills, events, outputs }: SoakResult, options: SoakOptions): string[] {
  const p99 = minutes.map(({ p99Ms }) => p99Ms)
  const again = kills.map(({ againAfterMs }) => againAfterMs)
  return [
    `${options.minutes} minutes, ${options.ratePerSecond} events a second, ${options.keys} keys, ${kills.length} SIGKILLs; ${events} events`,
    outputs === 'right' ? 'outputs right: every state, count and joined pair once, in order' : `OUTPUTS WRONG: ${outputs.join('; ')}`,
    `latency: p50 ${median(minutes.map(({ p50Ms }) => p50Ms)).toFixed(1)} ms, p99 ${median(p99).toFixed(1)} ms (medians of the minutes; the worst minute's p99 is ${Math.max(...p99).toFixed(0)} ms)`,
    ...(again.length === 0 ? [] : [`processing again after a SIGKILL: ${median(again)} ms (median), ${Math.max(...again)} ms (most)`]),
    ...judge(samples, options).map(({ what, value, limit, held }) => `${what}: ${value} (${held ? '' : 'TOO MUCH, '}allowed ${limit})`),
  ]
}

export function table({ minutes, samples }: SoakResult): string {
  const rows = minutes.map((latency, minute) => {
    const own = samples.filter(({ seconds }) => Math.floor(seconds / 60) === minute)
    const most = (name: string, of: (usage: Usage) => number): string => {
      const values = own.flatMap(({ instances }) => instances.filter((usage) => usage.name === name).map(of))
      return values.length === 0 ? '–' : String(Math.max(...values))
    }
    const each = [SURVIVOR, VICTIM].flatMap((name) => [most(name, ({ rssMiB }) => rssMiB), most(name, ({ storeMemoryMiB }) => storeMemoryMiB), most(name, ({ diskMiB }) => diskMiB), most(name, ({ threads }) => threads), most(name, ({ files }) => files)])
    const lags = own.map((sample) => sample.lag).filter(Number.isFinite)
    const lag = lags.length === 0 ? '–' : Math.max(...lags)
    return `| ${minute + 1} | ${latency.p50Ms.toFixed(1)} | ${latency.p99Ms.toFixed(1)} | ${latency.maxMs.toFixed(0)} | ${lag} | ${each.join(' | ')} |`
  })
  const heads = [SURVIVOR, VICTIM].map((name) => `${name}: RSS MiB | databases MiB | disk MiB | threads | files`)
  return [`| minute | p50 ms | p99 ms | max ms | lag | ${heads.join(' | ')} |`, `|${'---|'.repeat(15)}`, ...rows].join('\n')
}

export function drawSoak(result: SoakResult, options: SoakOptions): string {
  const { minutes, samples, kills } = result
  const marks = { name: 'SIGKILL', at: kills.map(({ seconds }) => seconds / 60) }
  const x = { label: 'minutes', scale: 'linear' } as const
  const along = (of: (usage: Usage) => number) => [SURVIVOR, VICTIM].map((name) => ({
    name,
    points: samples.flatMap(({ seconds, instances }) => instances.filter((usage) => usage.name === name).map((usage) => [seconds / 60, of(usage)] as const)),
  }))
  const charts: Chart[] = [
    { title: 'memory', x, y: { label: 'resident, MiB', scale: 'linear' }, series: along(({ rssMiB }) => rssMiB), marks },
    { title: `memory of the databases (bound: ${options.storeMemoryMiB} MiB)`, x, y: { label: 'MiB', scale: 'linear' }, series: along(({ storeMemoryMiB }) => storeMemoryMiB), marks },
    {
      title: 'latency by minute', x, y: { label: 'due to read committed, ms', scale: 'log' }, marks,
      series: (['p50Ms', 'p99Ms', 'maxMs'] as const).map((what) => ({ name: what.slice(0, 3), points: minutes.map((minute, i) => [i + 0.5, minute[what]] as const) })),
    },
    { title: 'disk', x, y: { label: 'state folder, MiB', scale: 'linear' }, series: along(({ diskMiB }) => diskMiB), marks },
    { title: 'lag', x, y: { label: 'records not committed', scale: 'linear' }, series: [{ name: 'lag', points: samples.map(({ seconds, lag }) => [seconds / 60, lag] as const) }], marks },
    { title: 'threads', x, y: { label: 'threads of a process', scale: 'linear' }, series: along(({ threads }) => threads), marks },
    { title: 'open files', x, y: { label: 'file descriptors', scale: 'linear' }, series: along(({ files }) => files), marks },
  ]
  return drawCharts(`${options.minutes} minutes at ${options.ratePerSecond.toLocaleString('en-US')} events a second, two instances`, charts, 2)
}
