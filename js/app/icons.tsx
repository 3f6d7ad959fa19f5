// Icons on a 24 grid, stroke 1.7. Each stands beside a word or carries one in its button's label.

const PATHS = {
  menu: "M4 8h16M4 16h10", compose: "M12 5H7a2 2 0 0 0-2 2v10a2 2 0 0 0 2 2h10a2 2 0 0 0 2-2v-5M10 14l1-3 7.5-7.5a1.4 1.4 0 0 1 2 2L13 13z",
  device: "M9 3h6a2 2 0 0 1 2 2v14a2 2 0 0 1-2 2H9a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2zM11 18h2", lock: "M7 11h10a1 1 0 0 1 1 1v7a1 1 0 0 1-1 1H7a1 1 0 0 1-1-1v-7a1 1 0 0 1 1-1zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  out: "M7 17 17 7M9 7h8v8", shield: "M12 3.5 18.5 6v5.5c0 4-2.7 7.2-6.5 9-3.8-1.8-6.5-5-6.5-9V6z", copy: "M9 9h10v11H9zM15 9V5H5v11h4",
  retry: "M20 11a8 8 0 0 0-14.3-4L4 9M4 4v5h5M4 13a8 8 0 0 0 14.3 4L20 15M20 20v-5h-5", more: "M5.5 12h.01M12 12h.01M18.5 12h.01", plus: "M12 5v14M5 12h14", up: "M12 19V5M6 11l6-6 6 6",
  down: "m7 10 5 5 5-5", forward: "m10 7 5 5-5 5", backward: "m14 7-5 5 5 5", arrowDown: "M12 5v14M6 13l6 6 6-6", close: "M6 6l12 12M18 6 6 18", check: "m5 12.5 4.5 4.5L19 7.5",
  pencil: "M4 20l1-4L16.5 4.5a2.1 2.1 0 0 1 3 3L8 19z", book: "M6 4h11a1 1 0 0 1 1 1v15H7a2 2 0 0 1-2-2V5a1 1 0 0 1 1-1zM5 18a2 2 0 0 1 2-2h11M9 8h5", gear: "M4 7h9M17 7h3M4 17h3M11 17h9M15 4.5v5M9 14.5v5",
  bell: "M6 16V11a6 6 0 0 1 12 0v5l1.5 2h-15zM10 20.5h4", paste: "M9 5H6v15h12V5h-3M9 3.5h6V7H9z", file: "M7 3.5h7L18 8v12.5H7zM14 3.5V8h4", info: "M12 11v5M12 7.6v.01M12 3.5a8.5 8.5 0 1 1 0 17 8.5 8.5 0 0 1 0-17z", trash: "M5 7h14M10 7V4.5h4V7M7 7l1 13h8l1-13",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 24, flip = false }: { name: IconName; size?: number; flip?: boolean }) {
  return (
    <svg class={flip ? "icon flip" : "icon"} width={size} height={size} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} fill="none" stroke="currentColor" stroke-width={name === "more" ? 2.4 : 1.7} stroke-linecap="round" stroke-linejoin="round" />
    </svg>
  );
}
