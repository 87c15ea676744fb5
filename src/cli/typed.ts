/**
 * A command as it is typed here: `amnesia demo udp-echo` where the package is installed, `npm run amnesia -- demo udp-echo` in a
 * checkout, which has no command of that name.
 */
export function typed(command: string): string {
  return import.meta.url.endsWith('.ts') ? command.replace(/^amnesia\b/, 'npm run amnesia --') : command;
}
