export function html(_page: unknown): string {
  throw new Error('comes from the other branch');
}
