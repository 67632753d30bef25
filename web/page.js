// The live page: one status a second from /events, written with textContent only: whatever a document says stays text.

const STATES = ['RECEIVED', 'DEDUPLICATED', 'UNFOLDED', 'TEXT_READ', 'CLASSIFIED', 'EXTRACTED', 'VALIDATED', 'ENRICHED', 'CORRECTED', 'ARCHIVED', 'DUPLICATE', 'IN_REVIEW', 'REJECTED', 'DEAD_LETTERED', 'ERASED']
/** Shown only where there are any. */
const RARE = new Set(['CORRECTED', 'ERASED'])
const ENDS = new Set(['ARCHIVED', 'DUPLICATE', 'IN_REVIEW', 'REJECTED', 'DEAD_LETTERED', 'ERASED'])
/** Rates are taken over this long: of one second alone they jump. */
const WINDOW_MS = 10_000

const byId = (id) => document.getElementById(id)
const whole = new Intl.NumberFormat('en')
const samples = []
let shown = new Map()

function cell(text, className = '') {
  const td = document.createElement('td')
  td.textContent = text
  td.className = className
  return td
}

function row(...cells) {
  const tr = document.createElement('tr')
  tr.append(...cells)
  return tr
}

const number = (value, className = '') => cell(whole.format(value), `number ${value === 0 ? 'zero' : ''} ${className}`)

/** Documents by state: a cell that changed since the last second is marked. */
function showDocuments({ states, complete }) {
  byId('incomplete').hidden = complete
  const columns = STATES.filter((state) => !RARE.has(state) || Object.values(states).some((counts) => counts[state] > 0))
  const head = document.createElement('tr')
  for (const name of ['tenant', ...columns, 'all']) {
    const th = document.createElement('th')
    th.textContent = name.toLowerCase().replaceAll('_', ' ')
    th.className = name === 'tenant' ? '' : 'number'
    head.append(th)
  }
  const now = new Map()
  const rows = Object.entries(states).sort(([a], [b]) => (a < b ? -1 : 1)).map(([tenant, counts]) => {
    const cells = columns.map((state) => {
      const count = counts[state] ?? 0
      const key = `${tenant} ${state}`
      now.set(key, count)
      return number(count, shown.has(key) && shown.get(key) !== count ? 'changed' : '')
    })
    return row(cell(tenant), ...cells, number(Object.values(counts).reduce((sum, count) => sum + count, 0)))
  })
  byId('documents').tHead.replaceChildren(head)
  byId('documents').tBodies[0].replaceChildren(...rows)
  shown = now
}

function showFigures(status, tasks) {
  let ended = 0
  let moving = 0
  for (const counts of Object.values(status.documents.states)) {
    for (const [state, count] of Object.entries(counts)) {
      if (ENDS.has(state)) {
        ended += count
      } else {
        moving += count
      }
    }
  }
  const sum = (pick) => status.threads.reduce((total, thread) => total + pick(thread.counters), 0)
  samples.push({ at: status.at, ended, records: sum((c) => c.recordsProcessed), commits: sum((c) => c.commits), commitMs: sum((c) => c.commitMs) })
  while (samples.length > 2 && samples[1].at < status.at - WINDOW_MS) {
    samples.shift()
  }
  const first = samples[0]
  const last = samples.at(-1)
  const seconds = Math.max(1, (last.at - first.at) / 1000)
  const perSecond = (of) => (Math.max(0, last[of] - first[of]) / seconds).toFixed(1)
  const commits = last.commits - first.commits
  byId('ended').textContent = whole.format(ended)
  byId('moving').textContent = whole.format(moving)
  byId('rate').textContent = perSecond('ended')
  byId('records').textContent = perSecond('records')
  byId('lag').textContent = whole.format(tasks.reduce((total, task) => total + task.lag, 0))
  byId('commit').textContent = commits > 0 ? ((last.commitMs - first.commitMs) / commits).toFixed(0) : '–'
}

function showTasks(tasks) {
  const operators = new Map()
  for (const { operators: own } of tasks) {
    for (const { operator, pending, running, parked } of own) {
      const total = operators.get(operator) ?? { pending: 0, running: 0, parked: 0 }
      operators.set(operator, { pending: total.pending + pending, running: total.running + running, parked: total.parked + parked })
    }
  }
  byId('operators').tBodies[0].replaceChildren(
    ...[...operators].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, { pending, running, parked }]) => row(cell(name), number(Math.max(0, pending - running)), number(running), number(parked))),
  )
  byId('tasks').tBodies[0].replaceChildren(
    ...tasks.map((task) => row(cell(task.id), number(task.thread), cell(task.status), number(task.lag), number(task.inFlight), number(task.processed), number(task.deadLettered))),
  )
}

function showEnds(ends) {
  const newest = ends.slice(-50).reverse()
  byId('ends').tBodies[0].replaceChildren(
    ...newest.map(({ at, tenant, documentId, to, step, reasonCode }) =>
      row(cell(new Date(at).toLocaleTimeString()), cell(tenant), cell(documentId), cell(to, ENDS.has(to) ? `end-${to}` : ''), cell(step), cell(reasonCode ?? ''))),
  )
}

function showRefused(refused) {
  byId('refused-section').hidden = refused.length === 0
  byId('refused').tBodies[0].replaceChildren(
    ...refused.map(({ at, tenant, ruleSetId, version, errors, reasons: [first] }) =>
      row(cell(new Date(at).toLocaleString()), cell(tenant), cell(ruleSetId), number(version), number(errors), cell([first?.code, first?.field, first?.message].filter(Boolean).join(' ')))),
  )
}

function show(status) {
  const tasks = status.threads.flatMap(({ thread, tasks: own }) => own.map((task) => ({ ...task, thread }))).sort((a, b) => (a.id < b.id ? -1 : 1))
  byId('instance').textContent = `${status.instance}, since ${new Date(status.startedAt).toLocaleTimeString()}`
  badge(status.state, status.ready ? 'good' : status.state.includes('ERROR') ? 'bad' : '')
  byId('reasons').textContent = status.reasons.join(', ')
  showDocuments(status.documents)
  showFigures(status, tasks)
  showTasks(tasks)
  showRefused(status.refusedRuleSets)
  showEnds(status.documents.ends)
}

function badge(text, className) {
  byId('state').textContent = text
  byId('state').className = `badge ${className}`
}

const events = new EventSource('events')
events.onmessage = ({ data }) => show(JSON.parse(data))
events.onerror = () => badge('no connection', 'bad')
