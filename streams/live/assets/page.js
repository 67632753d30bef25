// The live page of a topology. Names come from whoever wrote the topology and its topics: they are only ever written as text.

const SVG = 'http://www.w3.org/2000/svg'
const PERIOD_MS = 1_000
/** Rates are taken over this long: of one second alone they jump. */
const WINDOW_MS = 5_000
const BOX = { width: 210, height: 62, across: 60, down: 18 }
/** Characters of a name that fit into a box; the whole of it is in the box's title. */
const NAME_CHARACTERS = 28

const byId = (id) => document.getElementById(id)
const whole = new Intl.NumberFormat('en')
const samples = []
/** Node name → the texts that change. */
const drawn = new Map()

function svg(name, attributes, text) {
  const element = document.createElementNS(SVG, name)
  for (const [attribute, value] of Object.entries(attributes)) {
    element.setAttribute(attribute, value)
  }
  if (text !== undefined) {
    element.textContent = text
  }
  return element
}

const short = (name) => (name.length > NAME_CHARACTERS ? `${name.slice(0, NAME_CHARACTERS - 1)}…` : name)

/** Columns by the longest way from a source, rows in the order in which nodes are come to. */
function placesOf(nodes) {
  const column = new Map(nodes.map(({ name }) => [name, 0]))
  // Nodes are listed parents first or not; a graph without cycles settles after as many rounds as it is deep.
  for (let changed = true; changed; ) {
    changed = false
    for (const { name, children } of nodes) {
      for (const child of children) {
        if (column.get(child) < column.get(name) + 1) {
          column.set(child, column.get(name) + 1)
          changed = true
        }
      }
    }
  }
  const filled = new Map()
  return new Map(nodes.map(({ name }) => {
    const x = column.get(name)
    const y = filled.get(x) ?? 0
    filled.set(x, y + 1)
    return [name, { x, y }]
  }))
}

function drawSubtopology({ name, nodes }) {
  const places = placesOf(nodes)
  const columns = Math.max(...[...places.values()].map(({ x }) => x)) + 1
  const rows = Math.max(...[...places.values()].map(({ y }) => y)) + 1
  const left = ({ x }) => 2 + x * (BOX.width + BOX.across)
  const top = ({ y }) => 2 + y * (BOX.height + BOX.down)
  const picture = svg('svg', { width: columns * (BOX.width + BOX.across), height: rows * (BOX.height + BOX.down) + 4, role: 'img', 'aria-label': `Subtopology ${name}` })
  for (const node of nodes) {
    const from = places.get(node.name)
    for (const child of node.children) {
      const to = places.get(child)
      const [x1, y1, x2, y2] = [left(from) + BOX.width, top(from) + BOX.height / 2, left(to), top(to) + BOX.height / 2]
      const bend = Math.max(30, (x2 - x1) / 2)
      picture.append(svg('path', { class: 'edge', d: `M${x1},${y1} C${x1 + bend},${y1} ${x2 - bend},${y2} ${x2},${y2}` }))
    }
  }
  for (const node of nodes) {
    const [x, y] = [left(places.get(node.name)), top(places.get(node.name))]
    const group = svg('g', { class: `node ${node.kind}` })
    const about = node.topics?.join(', ') ?? node.topic ?? node.stores?.join(', ') ?? ''
    const second = about === '' || node.kind === 'async' ? node.kind : `${node.kind}: ${about}`
    group.append(svg('title', {}, [node.name, node.kind, about].filter((text) => text !== '').join('\n')))
    group.append(svg('rect', { x, y, width: BOX.width, height: BOX.height, rx: 6 }))
    group.append(svg('text', { x: x + 10, y: y + 18, class: 'name' }, short(node.name)))
    group.append(svg('text', { x: x + 10, y: y + 33, class: 'about' }, short(second)))
    const rate = svg('text', { x: x + 10, y: y + 52, class: 'rate' }, '–')
    const flight = svg('text', { x: x + BOX.width - 10, y: y + 33, class: 'flight', 'text-anchor': 'end' })
    const wrong = svg('text', { x: x + BOX.width - 10, y: y + 52, class: 'wrong', 'text-anchor': 'end' })
    group.append(rate, flight, wrong)
    drawn.set(node.name, { group, kind: node.kind, rate, flight, wrong })
    picture.append(group)
  }
  const section = document.createElement('section')
  const heading = document.createElement('h2')
  heading.textContent = name
  heading.dataset.subtopology = name
  const scroll = document.createElement('div')
  scroll.className = 'scroll'
  scroll.append(picture)
  section.append(heading, scroll)
  return section
}

function cell(text, className = '') {
  const td = document.createElement('td')
  td.textContent = text
  td.className = className
  return td
}

function row(className, ...cells) {
  const tr = document.createElement('tr')
  tr.className = className
  tr.append(...cells)
  return tr
}

const number = (value) => cell(typeof value === 'number' ? whole.format(value) : value, `number ${value === 0 || value === '0.0' ? 'zero' : ''}`)
const size = (bytes) => (bytes === undefined ? '' : bytes < 1024 * 1024 ? `${(bytes / 1024).toFixed(0)} KiB` : `${(bytes / 1024 / 1024).toFixed(1)} MiB`)

function show(status) {
  samples.push(status)
  while (samples.length > 2 && samples[1].at < status.at - WINDOW_MS) {
    samples.shift()
  }
  const first = samples[0]
  const seconds = Math.max(1, (status.at - first.at) / 1_000)
  // A task that has moved here or an application that was started again begins at zero.
  const rate = (now, before) => (Math.max(0, now - (before ?? 0)) / seconds).toFixed(1)
  byId('state').textContent = status.state
  byId('state').className = `badge ${status.state === 'RUNNING' ? 'good' : status.state === 'ERROR' ? 'bad' : ''}`
  byId('threads').textContent = status.threads.map(({ thread, state }) => `thread ${thread} ${state}`).join(', ')
  for (const [name, { group, kind, rate: rateText, flight, wrong }] of drawn) {
    const node = status.nodes[name]
    if (node === undefined) {
      continue
    }
    const before = first.nodes[name]
    const perSecond = first === status ? '–' : rate(node.processed, before?.processed)
    rateText.textContent = node.latency === undefined ? perSecond : `${perSecond}  p99 ≤${node.latency.p99} ms`
    const { pending = 0, running = 0, parked = 0, circuit } = node.inFlight ?? {}
    flight.textContent = node.inFlight === undefined ? '' : `${running} of ${pending}${parked > 0 ? `, ${parked} parked` : ''}${circuit === undefined || circuit === 'closed' ? '' : `, ${circuit}`}`
    wrong.textContent = node.failed > 0 ? whole.format(node.failed) : ''
    const failing = node.failed > (before?.failed ?? 0) || parked > 0
    group.setAttribute('class', `node ${kind} ${failing ? 'failing' : Number(perSecond) > 0 ? 'active' : ''}`)
  }
  const own = new Set(status.tasks.map(({ id }) => id))
  byId('unknown').hidden = status.instances !== undefined
  byId('instances').tBodies[0].replaceChildren(...(status.instances ?? []).map(({ processId, endpoint, tasks, standbyTasks }) =>
    row(tasks.length > 0 && tasks.every((id) => own.has(id)) ? 'own' : '', cell(processId), cell(endpoint ?? ''), cell(tasks.join(' '), 'tasks'), cell(standbyTasks.join(' '), 'tasks'))))
  const before = new Map(first.tasks.map((task) => [task.id, task]))
  byId('tasks').tBodies[0].replaceChildren(...status.tasks.map((task) => row('', cell(task.id), number(task.thread), cell(task.status),
    number(first === status ? '–' : rate(task.processed, before.get(task.id)?.processed)), number(task.copyLag === undefined ? task.lag : (task.copyLag ?? '?')),
    number(task.inFlight), number(task.remaining ?? ''), number(size(task.stateBytes)), number(task.deadLettered))))
  byId('stores').tBodies[0].replaceChildren(...Object.entries(status.stores).sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, store]) =>
    row('', cell(name), ...['gets', 'puts', 'deletes', 'ranges'].map((of) => number(first === status ? '–' : rate(store[of], first.stores[name]?.[of]))))))
  for (const heading of document.querySelectorAll('[data-subtopology]')) {
    const tasks = status.tasks.filter(({ id, copyLag }) => copyLag === undefined && id.slice(0, id.lastIndexOf('_')) === heading.dataset.subtopology)
    const lag = tasks.reduce((sum, task) => sum + task.lag, 0)
    const bytes = tasks.reduce((sum, task) => sum + (task.stateBytes ?? 0), 0)
    heading.textContent = `${heading.dataset.subtopology}: ${tasks.length} tasks here, lag ${whole.format(lag)}${bytes > 0 ? `, state ${size(bytes)}` : ''}`
  }
}

async function get(path) {
  const answer = await fetch(path)
  if (!answer.ok) {
    throw new Error(String(answer.status))
  }
  return answer.json()
}

async function refresh() {
  try {
    if (drawn.size === 0) {
      const topology = await get('topology')
      byId('application').textContent = topology.applicationId
      document.title = topology.applicationId
      byId('graphs').replaceChildren(...topology.subtopologies.map(drawSubtopology))
    }
    show(await get('status'))
  } catch (error) {
    byId('state').textContent = error.message === '503' ? 'not started' : 'no connection'
    byId('state').className = 'badge bad'
  }
  setTimeout(refresh, PERIOD_MS)
}

refresh()
