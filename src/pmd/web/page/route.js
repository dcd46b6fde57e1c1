// Which view the fragment of the address asks for: #mesh, #graph, #node=NODEID. A nodeId is text of a stranger.

const kNode = '#node=';

// The link to a node's view.
export function hrefOf(nodeId) {
  try {
    return kNode + encodeURIComponent(nodeId);
  } catch {
    return '#mesh';  // half a surrogate pair has no encoding
  }
}

export function routeOf(fragment) {
  if (fragment === '#graph') return {name: 'graph', nodeId: ''};
  if (!fragment.startsWith(kNode)) return {name: 'mesh', nodeId: ''};
  try {
    return {name: 'node', nodeId: decodeURIComponent(fragment.slice(kNode.length))};
  } catch {
    return {name: 'mesh', nodeId: ''};
  }
}
