// A list that is long enough to be read page by page, and short enough to be known.

export interface Film {
  /** What it is called in a target: `/watch/metropolis`. */
  name: string;
  title: string;
  year: number;
}

/** In the order in which it is read. */
export const FILMS: readonly Film[] = [
  { name: 'trip', title: 'A Trip to the Moon', year: 1902 },
  { name: 'caligari', title: 'The Cabinet of Dr. Caligari', year: 1920 },
  { name: 'nosferatu', title: 'Nosferatu', year: 1922 },
  { name: 'sherlock', title: 'Sherlock Jr.', year: 1924 },
  { name: 'potemkin', title: 'Battleship Potemkin', year: 1925 },
  { name: 'general', title: 'The General', year: 1926 },
  { name: 'metropolis', title: 'Metropolis', year: 1927 },
  { name: 'sunrise', title: 'Sunrise', year: 1927 },
];
