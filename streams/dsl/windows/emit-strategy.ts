import { StreamsError } from '../../errors.ts'

/**
 * When a windowed aggregate tells its result (KIP-825): with every record that changes it, or once, when the window has
 * closed and nothing can change it any more. A window closes with the time of the records, not by the wall clock.
 */
export interface EmitStrategy {
  readonly type: 'window-update' | 'window-close'
}

const UPDATE: EmitStrategy = Object.freeze({ type: 'window-update' })
const CLOSE: EmitStrategy = Object.freeze({ type: 'window-close' })

export const EmitStrategy = Object.freeze({
  /** The default. */
  onWindowUpdate: (): EmitStrategy => UPDATE,
  onWindowClose: (): EmitStrategy => CLOSE,
})

/** Throws StreamsError `CONFIG_INVALID` for what `emitStrategy` cannot take. */
export function requireEmitStrategy(emit: EmitStrategy): void {
  if (emit?.type !== 'window-update' && emit?.type !== 'window-close') {
    throw new StreamsError('CONFIG_INVALID', 'emitStrategy takes EmitStrategy.onWindowUpdate() or EmitStrategy.onWindowClose().')
  }
}
