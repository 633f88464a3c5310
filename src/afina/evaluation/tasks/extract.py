"""Reading the fields of a schema out of a text, as a JSON object."""

from afina.evaluation.task import Task

TASK = Task(
    name="extract",
    primary="fields_f1",
    scorers=("fields_f1", "fields_exact", "valid_json", "fields_precision", "fields_recall"),
    shown=("fields_exact", "valid_json", "fields_precision", "fields_recall"),
    form={
        "en": "Reply with one JSON object that obeys this JSON schema, nothing else. Use null for what the text does "
        "not say. Schema: {schema}",
        "es": "Responde con un solo objeto JSON que cumpla este esquema JSON, nada más. Usa null para lo que el texto "
        "no diga. Esquema: {schema}",
    },
    prompts={
        "en": (
            "You read facts out of texts for a database. Copy names, numbers and dates exactly as they are written. "
            "Never guess.",
            "Go through the fields one by one. For each, find the words of the text that say it and copy them; where "
            "there are none, write null.",
            "You are a careful clerk who fills in a form from a letter. Fill in what the letter says, all of it, and "
            "nothing that it does not say.",
        ),
        "es": (
            "Extraes datos de textos para una base de datos. Copia nombres, números y fechas tal como están escritos. "
            "No inventes.",
            "Recorre los campos uno por uno. Para cada uno, busca las palabras del texto que lo dicen y cópialas; "
            "donde no las haya, escribe null.",
            "Rellenas con cuidado un formulario a partir de una carta. Pon lo que dice la carta, todo, y nada que no "
            "diga.",
        ),
    },
    max_tokens=512,
    arms=("base", "prompt", "examples", "nearest", "tuned"),
)
