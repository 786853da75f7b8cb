/** Told, line by line, where each part comes from. */
export type Progress = (line: string) => void;
