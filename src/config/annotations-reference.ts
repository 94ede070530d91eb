import { INJECT_OPTIONS } from './inject-options.js';
import type { OptionSpec } from './option.js';

/** What annotations of ours begin with. */
export const ANNOTATION_PREFIX = 'sidecert.dev/';

const HEADER = `# Annotations and labels of pods

Made from the schemas in \`src/config\` by \`npm run docs\`; a test holds it against them. [Kubernetes](../kubernetes.md) says what they do.

## Whether a pod is injected

| Label or annotation | Value | Meaning |
|---|---|---|
| \`sidecar.istio.io/inject\` | \`true\`, \`false\` | as in Istio: \`false\` leaves the pod as it is. A label comes before an annotation; another value is ignored with a warning |

A pod on the network of its node (\`hostNetwork\`), one of another operating system than Linux, and one that Istio has injected are
left as they are, too.

## How a pod is injected

Annotations of the pod, or of the template of its Deployment, StatefulSet, DaemonSet, Job and so on. Each has a flag of the same name
of \`sidecert kube-inject\`, which it comes before. All are strings. A list has its values separated by commas, spaces or lines. An unknown annotation that
begins with \`${ANNOTATION_PREFIX}\` is refused, and so is a value that cannot be.

| Annotation | Value | Default | Meaning |
|---|---|---|---|
`;

const FOOTER = `
## What an injection writes

| Annotation | Value |
|---|---|
| \`${ANNOTATION_PREFIX}status\` | JSON: the version, which containers, volumes and annotations were added, and what stood where probes and hooks were changed. \`sidecert kube-inject --uninject\` reads it; leave it alone |
| \`kubectl.kubernetes.io/default-container\` | with \`classic\`: the first container of the application, unless it was set before |
`;

/** The text of `docs/reference/annotations.md`. */
export function annotationsReference(): string {
  const rows = Object.values<OptionSpec<unknown>>(INJECT_OPTIONS).map(row);
  return `${HEADER}${rows.join('\n')}\n${FOOTER}`;
}

function row({ flag, shape, kind, default: standard, description }: OptionSpec<unknown>): string {
  const value = shape === 'switch' ? '`true`, `false`' : `\`${kind.placeholder}\`${shape === 'list' ? ', a list' : ''}`;
  const defaults = [standard ?? []].flat().map((text) => `\`${text}\``);
  // Other settings are annotations here.
  const meaning = description.replace(/--([a-z-]+)/g, '`$1`');
  const cells = [`\`${ANNOTATION_PREFIX}${flag}\``, value, defaults.join(', '), meaning];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}
