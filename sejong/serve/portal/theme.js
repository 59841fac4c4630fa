// Runs before the first paint, so that a chosen theme does not flash. Without a choice the system's preference holds.
{
  const chosen = localStorage.getItem("sejong.theme");
  if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
}
