"""Configuration for gunicorn: each worker has a runtime from its start to its end."""


def post_fork(server: object, worker: object) -> None:
    import wsgi_hooks

    wsgi_hooks.open_runtime()


def worker_exit(server: object, worker: object) -> None:
    import wsgi_hooks

    wsgi_hooks.close_runtime()
