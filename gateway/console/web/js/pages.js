/* The pages, in the order of the rail, and who uses them. Loaded when first opened. */
const plates = ['officer', 'leader', 'auxiliary', 'auditor'];
const shift = ['officer', 'leader', 'auxiliary'];
const all = [...plates, 'technician'];

export const pages = [
  { name: 'alerts', roles: plates, load: () => import('./pages/alerts.js') },
  { name: 'lanes', roles: all, load: () => import('./pages/lanes.js') },
  { name: 'check', roles: shift, load: () => import('./pages/check.js') },
  { name: 'history', roles: plates, load: () => import('./pages/history.js') },
  { name: 'lookouts', roles: plates, load: () => import('./pages/lookouts.js') },
  { name: 'handover', roles: plates, load: () => import('./pages/handover.js') },
  { name: 'report', roles: ['leader', 'auditor'], load: () => import('./pages/report.js') },
  { name: 'health', roles: all, load: () => import('./pages/health.js') },
  { name: 'account', roles: all, aside: true, load: () => import('./pages/account.js') },
  { name: 'record', roles: ['officer', 'leader'], aside: true, load: () => import('./pages/record.js') },
];

/* Those of the rail; the others are reached from where they belong. */
export function pagesOf(role) {
  return pages.filter((page) => page.roles.includes(role) && !page.aside);
}
