import type { OutputConfig } from './output-options.js';

/** What no single setting of the files that are written shows. One text per problem. */
export function outputProblems(config: OutputConfig & { readonly tokenSource: string | undefined }): string[] {
  const { outputCerts, outputCertsOwner, onRotate = [], tokenSource } = config;
  if (outputCerts === undefined) {
    const alone = [
      ...(outputCertsOwner === undefined ? [] : ['--output-certs-owner']),
      ...(onRotate.length === 0 ? [] : ['--on-rotate']),
    ];
    return alone.map((flag) => `${flag}: got it alone, expected it together with --output-certs`);
  }
  return tokenSource === 'file'
    ? []
    : [`--output-certs: got --token-source ${tokenSource}, expected file: before a stream comes there is no identity`];
}
