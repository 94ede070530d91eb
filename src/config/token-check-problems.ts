interface TokenCheckConfig {
  readonly jwksFile: string | undefined;
  readonly tokenIssuers: readonly string[];
  readonly tokenSource: string | undefined;
}

/** What does not go together of the settings that say how tokens of streams are checked. */
export function tokenCheckProblems({ jwksFile, tokenIssuers, tokenSource }: TokenCheckConfig): string[] {
  const problems: string[] = [];
  if ((jwksFile === undefined) !== (tokenIssuers.length === 0)) {
    const got = jwksFile === undefined ? '--token-issuer' : '--jwks';
    problems.push(`--jwks, --token-issuer: got ${got} alone, expected both or neither`);
  }
  if (jwksFile !== undefined && tokenSource === 'file') {
    problems.push('--jwks: got it with --token-source file, expected --mode node or --token-source stream');
  }
  return problems;
}
