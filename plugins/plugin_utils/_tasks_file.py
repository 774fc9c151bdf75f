class TasksFileError(Exception): pass
def check_tasks_file(path, **kw):
    import os
    if not os.path.isfile(path): raise TasksFileError(f"there is no file {path}")
