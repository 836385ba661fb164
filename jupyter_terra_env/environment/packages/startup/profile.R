# Runs at the start of every R of a kernel or terminal: install.packages() installs into the folder of packages, and
# library() finds what is there, each version of R for itself. R itself ignores a folder that does not exist yet.
local({
  folder <- Sys.getenv("TERRA_ENV_PACKAGES_FOLDER")
  version <- paste0("R", R.version$major, ".", sub("[.].*", "", R.version$minor))
  own <- file.path(folder, version)
  if (nzchar(folder) && (dir.exists(own) || dir.create(own, recursive = TRUE, showWarnings = FALSE))) {
    .libPaths(c(own, .libPaths()))
  }
})
# R reads one profile only; here it is this one. Therefore the person's own is read now, from where R would find it.
local({
  named <- Sys.getenv("TERRA_ENV_R_PROFILE_USER")
  found <- Filter(file.exists, if (nzchar(named)) path.expand(named) else c(".Rprofile", path.expand("~/.Rprofile")))
  if (length(found) > 0) sys.source(found[[1]], envir = globalenv())
})
