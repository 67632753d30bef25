/** The worst cases as one page that needs nothing else: first pages as pictures inline, boxes over them, truth beside answer. */
import sharp from 'sharp'
import type { PageRenderer } from '../processors/pages/index.ts'
import { createPageRenderer } from '../processors/pages/index.ts'
import type { JudgedDocument, SetResult } from './evaluate.ts'
import type { EvaluationDocument } from './sets.ts'

const maxCases = 40
const pictureWidth = 480

export async function worstCasesPage(results: readonly SetResult[]): Promise<string> {
  const renderer = createPageRenderer()
  try {
    return await pageOf(results, renderer)
  } finally {
    await renderer.close()
  }
}

async function pageOf(results: readonly SetResult[], renderer: PageRenderer): Promise<string> {
  const sections: string[] = []
  for (const result of results) {
    const wrong = (one: JudgedDocument): number => one.fields.filter(({ normalised }) => !normalised).length
    // Sure and wrong is worse than unsure and wrong.
    const claimed = (one: JudgedDocument): number => one.fields.reduce((sum, { normalised, answer }) => sum + (normalised ? 0 : (answer?.confidence ?? 0)), 0)
    const worst = result.judged.filter((one) => wrong(one) > 0).sort((a, b) => wrong(b) - wrong(a) || claimed(b) - claimed(a)).slice(0, maxCases)
    const cases: string[] = []
    for (const one of worst) {
      cases.push(await caseOf(one, renderer))
    }
    sections.push(`<h2>${escapeHtml(result.set)}, ${result.profile}: ${worst.length} worst of ${result.judged.length}</h2>${cases.join('')}`)
  }
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Worst cases</title><style>
body{font:14px/1.4 system-ui,sans-serif;margin:24px;color:#1c2230;background:#fff}article{display:flex;gap:24px;align-items:flex-start;border-top:1px solid #ccd;padding:16px 0}
.picture{position:relative;width:${pictureWidth}px;flex:none}.picture img{width:100%;display:block}.picture i{position:absolute;border:2px solid;border-radius:2px}
.right{color:#0a7d3b}.close{color:#8a6100}.wrong{color:#b3261e}td,th{padding:4px 10px;text-align:left;vertical-align:top;border-bottom:1px solid #eef}h3{margin:0 0 8px}
</style><h1>Worst cases</h1>${sections.join('')}</html>\n`
}

async function caseOf({ document, pages, fields, failure }: JudgedDocument, renderer: PageRenderer): Promise<string> {
  const page = pages[0]
  const picture = await pictureOf(document, page?.turned ?? 0, renderer)
  const boxes = page === undefined || picture === undefined
    ? ''
    : fields.flatMap(({ answer, strict, normalised }) => {
        const box = answer?.provenance.page === 1 ? answer.provenance.box : undefined
        const percent = (value: number, whole: number): string => `${((100 * value) / whole).toFixed(2)}%`
        return box === undefined
          ? []
          : [`<i class="${mark(strict, normalised)}" style="left:${percent(box.x, page.width)};top:${percent(box.y, page.height)};width:${percent(box.width, page.width)};height:${percent(box.height, page.height)}"></i>`]
      }).join('')
  const rows = fields.map(({ field, truth, answer, strict, normalised }) =>
    `<tr class="${mark(strict, normalised)}"><td>${escapeHtml(field)}</td><td>${escapeHtml(truth.value)}</td><td>${escapeHtml(answer?.value ?? '–')}</td><td>${escapeHtml(answer?.normalised ?? '–')}</td><td>${answer?.confidence.toFixed(2) ?? ''}</td></tr>`)
  return `<article>${picture === undefined ? '' : `<div class="picture"><img alt="" src="${picture}">${boxes}</div>`}<div><h3>${escapeHtml(document.id)}${failure === undefined ? '' : `: ${escapeHtml(failure)}`}</h3>
<table><tr><th>field</th><th>truth</th><th>answer</th><th>normalised</th><th>claimed</th></tr>${rows.join('')}</table></div></article>`
}

/** The first page as it was read, drawn in a process of its own; undefined where it cannot be drawn. */
async function pictureOf(document: EvaluationDocument, turned: number, renderer: PageRenderer): Promise<string | undefined> {
  let bytes: Uint8Array
  try {
    bytes = document.bytes()
  } catch {
    // Its failure says that the file is not there.
    return undefined
  }
  const drawn = await renderer.draw({ bytes, page: 1, turned })
  if (!drawn.ok) {
    return undefined
  }
  const jpeg = await sharp(drawn.value.bytes).resize({ width: 2 * pictureWidth, withoutEnlargement: true }).jpeg({ quality: 60 }).toBuffer()
  return `data:image/jpeg;base64,${jpeg.toString('base64')}`
}

function mark(strict: boolean, normalised: boolean): string {
  return strict ? 'right' : normalised ? 'close' : 'wrong'
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
