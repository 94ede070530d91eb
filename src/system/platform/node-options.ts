/**
 * Splits the text of `NODE_OPTIONS` into options as Node.js does: at spaces alone, outside double quotes, which are
 * taken away; within them a backslash stands for the next character. (`ParseNodeOptionsEnvVar` in src/node.cc)
 */
export function splitNodeOptions(text: string): string[] {
  const options: string[] = [];
  let isQuoted = false;
  let isNew = true;
  for (let index = 0; index < text.length; index += 1) {
    let char = text.charAt(index);
    if (char === '\\' && isQuoted) {
      index += 1;
      char = text.charAt(index);
    } else if (char === ' ' && !isQuoted) {
      isNew = true;
      continue;
    } else if (char === '"') {
      isQuoted = !isQuoted;
      continue;
    }
    if (isNew) options.push(char);
    else options[options.length - 1] += char;
    isNew = false;
  }
  return options;
}

/**
 * Options that leave the memory of a process closed. All others are refused, so that one that a later Node.js brings is
 * not let in unseen: what opens memory has no common name (inspect, heap-prof, report-on-signal, tls-keylog,
 * trace-event-categories, build-snapshot, env-file, experimental-config-file). Code that is loaded (`--import`) is the
 * operator's, like the program.
 */
const HARMLESS = [
  // How much memory, and how it is collected.
  /^(min|max)-(old-space|semi-space|heap)-size(-percentage)?$/,
  /^initial-(old-space|heap)-size$/,
  /^(huge-max-old-generation-size|semi-space-growth-factor|optimize-for-size|lite-mode|expose-gc|use-largepages)$/,
  /^(parallel-scavenge|single-threaded|single-threaded-gc|secure-heap|secure-heap-min|zero-fill-buffers)$/,
  // How code is compiled and run.
  /^(jitless|stack-size|stack-trace-limit|v8-pool-size|node-snapshot|disable-wasm-trap-handler|title|icu-data-dir)$/,
  /^(disallow-code-generation-from-strings|disable-proto|frozen-intrinsics|force-context-aware|disable-sigusr1)$/,
  /^(interpreted-frames-native-stack|enable-source-maps|unhandled-rejections|addons|permission|allow-[a-z-]+)$/,
  // Which code is loaded, and how.
  /^(require|r|import|loader|experimental-loader|conditions|C|eval|e|print|p|input-type|entry-url)$/,
  /^(preserve-symlinks|preserve-symlinks-main|global-search-paths)$/,
  /^(experimental-)?(detect-module|require-module|strip-types|transform-types|import-meta-resolve|default-type)$/,
  // What is said on stderr.
  /^(warnings|disable-warning|redirect-warnings|deprecation|(trace|throw|pending)-deprecation)$/,
  /^trace-(warnings|uncaught|exit|sigint|promises|sync-io|require-module)$/,
  // TLS and the network.
  /^(enable|force)-fips$/,
  /^openssl-(config|shared-config|legacy-provider)$/,
  /^use-(openssl|bundled|system)-ca$/,
  /^tls-((min|max)-v1\.[0-3]|cipher-list)$/,
  /^(dns-result-order|max-http-header-size|use-env-proxy)$/,
  /^(enable-)?network-family-autoselection(-attempt-timeout)?$/,
];

/**
 * Says which of these options, if any, is not known to leave the memory of the process closed. What does not begin with
 * a dash is the value of the option before it: Node.js takes none that does. Underscores are dashes, as to Node.js, and
 * `--no-` changes nothing.
 */
export function openingOption(options: readonly string[]): string | undefined {
  return options.find((option) => option.startsWith('-') && !isHarmless(option));
}

function isHarmless(option: string): boolean {
  const [name = ''] = option.split('=');
  const plain = name.replaceAll('_', '-').replace(/^--?(no-)?/, '');
  return plain === '' || HARMLESS.some((pattern) => pattern.test(plain));
}
