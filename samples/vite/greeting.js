export const greeting = "hello from the vite sample";
