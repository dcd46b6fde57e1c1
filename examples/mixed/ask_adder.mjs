// A node that speaks the protocol as the TypeScript original does: asks `adder` for a sum, and prints the answer.
//
//     node examples/mixed/ask_adder.mjs NUMBER...
import {Node} from '../../tests/interop/peer.mjs';

const [, port] = (process.env.DISTFLOW_PMD_ADDR ?? '127.0.0.1:4369').match(/:(\d+)$/);
const node = await Node.start({pmdPort: Number(port), alias: 'script'});
try {
  await node.send('adder', {add: process.argv.slice(2).map(Number)});
  const {payload} = await node.nextMessage('the sum');
  console.log(JSON.stringify(payload));
} finally {
  node.destroy();
}
