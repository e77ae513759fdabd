import '../src/compiled-cache.ts';

await import('./newcomer.ts');
