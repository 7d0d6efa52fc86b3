"""The upload page's list, which the site keeps for each person, so that no reload and no lost session loses it.

    rows    every write of the list: files announced, what became of them, rows dismissed
    sweep   removes old rows and previews; `tasks` is its Celery shell

Dismissing a row changes nothing of a case, so it leaves no audit row; uploads and refusals do, in `intake`.
"""
