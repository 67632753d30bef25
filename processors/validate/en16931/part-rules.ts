import type { PartRule } from '../../types.ts'
import type { Check } from './invoice.ts'

const part = (id: PartRule, message: string, fields: readonly string[], from: Check['from'] = 'full'): Check => ({ id, message, fields, from, check: ({ partRules }) => partRules[id] })
const decimals = (id: PartRule, term: string): Check => part(id, `An amount has at most two decimals (${term}).`, [])

/** Rules about what is not extracted: they were decided where the XML was read. */
export const partRules: readonly Check[] = [
  part('BR-41', "A line's allowance has an amount (BT-136).", ['allowanceAmount']),
  part('BR-42', "A line's allowance has a reason or its code (BT-139, BT-140).", ['allowanceAmount']),
  part('BR-43', "A line's charge has an amount (BT-141).", ['chargeAmount']),
  part('BR-44', "A line's charge has a reason or its code (BT-144, BT-145).", ['chargeAmount']),
  part('BR-52', 'A supporting document has a reference (BT-122).', [], 'without-lines'),
  part('BR-54', "An item's attribute has a name and a value (BT-160, BT-161).", ['description']),
  part('BR-62', "The seller's electronic address says of which scheme it is (BT-34).", ['seller.electronicAddress'], 'without-lines'),
  part('BR-63', "The buyer's electronic address says of which scheme it is (BT-49).", ['buyer.electronicAddress'], 'without-lines'),
  part('BR-64', "An item's standard identifier says of which scheme it is (BT-157).", ['standardItemId']),
  part('BR-65', "An item's class says of which list it is (BT-158).", ['description']),
  part('BR-CO-19', 'An invoicing period has a beginning or an end (BT-73, BT-74).', ['periodStart', 'periodEnd'], 'without-lines'),
  part('BR-CO-20', "A line's period has a beginning or an end (BT-134, BT-135).", ['periodStart', 'periodEnd']),
  decimals('BR-DEC-24', 'BT-136'), decimals('BR-DEC-25', 'BT-137'), decimals('BR-DEC-27', 'BT-141'), decimals('BR-DEC-28', 'BT-142'),
]
